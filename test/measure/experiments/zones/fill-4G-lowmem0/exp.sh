echo "0 0 0 0 0" > /proc/sys/vm/lowmem_reserve_ratio
snap before
run fill.jsonl fill 128 40000
snap after
