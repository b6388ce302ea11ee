"""What the workflows share: options, search attributes, timers, and activity calls."""
