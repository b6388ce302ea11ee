from tests.emulator.running import control, service

__all__ = ["control", "service"]
