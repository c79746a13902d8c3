mods; mkswap /dev/vda >/dev/null; swapon /dev/vda
snap before
run forked.jsonl forked swap
snap after
