mount -t tmpfs -o size=200m tmpfs /shm
snap before
run c10.jsonl faults c10
snap after
