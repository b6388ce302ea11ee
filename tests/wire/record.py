"""Records the names on the wire: `python -m tests.wire.record`."""

import json

from tests.wire import contract

if __name__ == "__main__":
    contract.RECORDED.write_text(json.dumps(contract.current(), indent=1) + "\n", encoding="utf-8")
