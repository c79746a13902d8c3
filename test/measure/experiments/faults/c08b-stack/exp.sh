mount -t tmpfs -o size=200m tmpfs /shm
snap before
run c8b.jsonl faults c8b
snap after
