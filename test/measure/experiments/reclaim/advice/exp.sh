mods; mkswap /dev/vda >/dev/null; swapon /dev/vda
snap before
run advice.jsonl advice
snap after
