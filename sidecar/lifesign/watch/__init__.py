"""Watches the processes of a run directory: polls each pulse, diagnoses the process, makes telemetry of what is new."""
