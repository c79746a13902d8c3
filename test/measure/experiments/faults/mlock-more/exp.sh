snap before
run maps.jsonl maps locked
snap after
