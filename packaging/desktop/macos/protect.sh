# Protect the selected photos and folders into a folder "protected" beside the first of them.
PATH="$HOME/.local/bin:/opt/homebrew/bin:/usr/local/bin:$PATH"
out=$(dirname -- "$1")/protected
mkdir -p -- "$out"
if cloak protect -o "$out" -- "$@" >"$out/cloak.log" 2>&1; then
    said=$(grep -m 1 protected "$out/cloak.log")
else
    said="Not everything is protected: see protected/cloak.log"
fi
# The text goes in as an argument, so that nothing in it can be taken for a script.
osascript -e 'on run {said}' -e 'display notification said with title "cloak"' -e 'end run' "$said"
