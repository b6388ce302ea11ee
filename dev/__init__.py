"""Code that runs only on a developer's machine: emulated services, the local stack and the demo."""
