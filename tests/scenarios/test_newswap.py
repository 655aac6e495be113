"""`make demo`'s story on a system of its own: every step of it holds."""

from tests.scenarios.newswap.demo import STEPS, Demo, tell
from tests.scenarios.newswap.steps import Script
from tests.scenarios.whole_system import WholeSystem


def test_steps_4_to_6_of_newswap_hold_from_signed_commands_to_confirmed_transactions(whole_system: WholeSystem) -> None:
    script = Script()
    tell(script, Demo(whole_system.cast))
    assert script.held == STEPS
