"""The outside world behind the domain's ports: each adapter speaks one protocol and translates its errors."""
