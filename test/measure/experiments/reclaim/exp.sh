mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
snap before
run reclaim.jsonl reclaim 64 0 1
snap after
