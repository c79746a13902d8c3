mount -t tmpfs -o size=200m tmpfs /shm
snap before
run moved.jsonl moved locked
snap after
