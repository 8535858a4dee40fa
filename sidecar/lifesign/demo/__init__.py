"""The sample service of ``lifesign demo``: an order desk with failures to trigger."""
