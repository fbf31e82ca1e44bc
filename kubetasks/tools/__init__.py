"""Outside programs: functions that build an argv and functions that parse what came back. No I/O."""
