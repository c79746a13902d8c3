snap before
run forked.jsonl forked locked
snap after
