snap before
run huge.jsonl huge child
snap after
