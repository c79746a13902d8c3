mount -t tmpfs -o size=200m tmpfs /shm
snap before
run c3.jsonl faults c3
snap after
