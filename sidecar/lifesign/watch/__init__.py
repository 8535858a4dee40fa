"""The sidecar's eyes and its judgement: reads each pulse, tells the illness, makes signals of it."""
