mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 192 munmap nocompact
echo
echo "@@@END x"
snap after
