snap before
run moved.jsonl moved limits
snap after
