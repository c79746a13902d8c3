mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
echo 1 > /sys/kernel/mm/lru_gen/enabled
snap before
run reclaim.jsonl reclaim 64 0 1
snap after
