snap before
run moved.jsonl moved huge
snap after
