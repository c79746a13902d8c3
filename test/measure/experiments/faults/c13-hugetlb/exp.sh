mount -t tmpfs -o size=200m tmpfs /shm
snap before
run c13.jsonl faults c13
snap after
