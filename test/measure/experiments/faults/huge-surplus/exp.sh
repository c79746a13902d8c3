snap before
run huge.jsonl huge surplus
snap after
