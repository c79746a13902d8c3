snap before
run maps.jsonl maps parts
snap after
