snap before
run huge.jsonl huge shared
snap after
