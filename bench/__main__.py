"""Print every table, or the named ones: `python -m bench [NAME ...]`.

Each runs in a process of its own, so that none measures another's memory or warm imports.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys

from routing.threads import patient

TABLES = {
    "audit_loglik": "accuracy and RStd of real models on MMLU, from their log-likelihoods",
    "decision": "decision time, error and memory of the similarity router's forms",
    "followups": "follow-ups routed by what they refer to, on labelled conversations",
    "throughput": "decisions a second of every router, beside the paper's",
    "whole_decision": "a decision as the chat has it taken, embedding and neighbours included",
    "quality": "APGR of the untrained routers on MT-Bench, MMLU and GSM8K",
    "reproduce_routellm": "the tables of the RouteLLM paper beside ours, from kept trainings",
    "pool": "routing among four models against the best of them and mixing by lot",
    "audit_speed": "the audit's local scorer beside lm-eval: CPU seconds and memory",
    "audit_gpu": "a battery on a 7B-shaped model: share of the card's matrix rate",
    "parity_lm_eval": "every log-likelihood beside lm-eval's",
    "command": "CPU seconds of commands from start to end",
    "first_paint": "the chat's first paint against a minimal Textual application",
    "streaming": "a reply of 2,000 mixed lines at 500 tokens a second; opening it; idle",
    "peers": "first paint, memory and a streaming reply beside elia and oterm",
    "endurance": "300 turns through the real program, and what befalls it: nothing lost",
    "stall": "longest stall of the screen while the engine warms",
    "store": "storing a message, listing and searching sessions",
}
# routellm is timed as it runs by itself: our threads' manners would help it too.
ORDINARY = {"decision"}


def main(names: list[str]) -> int:
    """Run the named tables, all where none is named; 2 for an unknown name."""
    unknown = [name for name in names if name not in TABLES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(TABLES)}", file=sys.stderr)
        return 2
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {_memory_gib()} GiB, "
        f"Python {platform.python_version()}, {platform.system()}"
    )
    codes = []
    for name in names or TABLES:
        print(f"\n== {name}: {TABLES[name]}\n", flush=True)
        command = [sys.executable, "-m", f"bench.{name}"]
        env = os.environ if name in ORDINARY else patient(os.environ)
        codes.append(subprocess.run(command, check=False, env=env).returncode)
    return max(codes)


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
