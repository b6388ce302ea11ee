"""What runs on a developer's machine only: emulated services, the local stack and the demo."""
