"""What becomes more and more: items of queues, and bytes that wait to be sent."""
