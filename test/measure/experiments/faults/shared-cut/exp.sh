mount -t tmpfs -o size=200m tmpfs /shm
snap before
run maps.jsonl maps shared
snap after
