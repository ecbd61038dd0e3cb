# The second gate: tidy sources, and a changelog that names every module.
set -eu
status=0

if grep -rnE "$(printf '\t')|[[:blank:]]+\$|.{101}" src; then
    echo "style: tabs, trailing blanks or lines over 100 characters (above)"
    status=1
fi

for module in $(sed -n 's/^pub mod \([a-z]*\);$/\1/p' src/lib.rs); do
    if ! grep -q "^- \`$module\`: " CHANGELOG.md; then
        echo "style: CHANGELOG.md does not name the module $module"
        status=1
    fi
done

exit $status
