"""Says how well the rules do: `python -m tests.app.rules.score`. Shows what goes wrong in the tuning part alone."""

import sys

from tests.app.rules.corpus import cases, measure


def main() -> None:
    outcomes = [measure(case) for case in cases()]
    for held_out in (False, True):
        part = [outcome for outcome in outcomes if outcome.case.held_out is held_out]
        intents, slots = sum(outcome.right_intent for outcome in part), sum(outcome.right_slots for outcome in part)
        wrong = sum(outcome.wrongly_destroyed for outcome in part)
        sys.stdout.write(
            f"{'held out' if held_out else 'tuning'}: {len(part)} messages, intents {intents / len(part):.1%}, "
            f"slots {slots / len(part):.1%}, wrongly destroyed {wrong}\n"
        )
    for outcome in outcomes:
        if not outcome.case.held_out and not (outcome.right_intent and outcome.right_slots):
            was, wanted = f"{outcome.intent} {outcome.got}", f"{outcome.case.intent} {outcome.wanted}"
            sys.stdout.write(f"{outcome.case.name!r}: {was}, not {wanted}\n")


if __name__ == "__main__":
    main()
