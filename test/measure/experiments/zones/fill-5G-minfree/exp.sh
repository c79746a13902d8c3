echo 131072 > /proc/sys/vm/min_free_kbytes
snap before
run fill.jsonl fill 128 200000
snap after
