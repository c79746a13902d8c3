mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 512 blocks nocompact
echo
echo "@@@END x"
snap after
