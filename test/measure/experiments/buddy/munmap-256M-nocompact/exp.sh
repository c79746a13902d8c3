mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 128 munmap nocompact
echo
echo "@@@END x"
snap after
