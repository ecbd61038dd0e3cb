# announce MODULE HEADING SENTENCE
# Declares a module below its heading in src/lib.rs and tells the changelog. Doing it twice changes nothing.
announce() {
    grep -q "^pub mod $1;" src/lib.rs || sed -i "s|^// $2\$|&\npub mod $1;|" src/lib.rs
    tell "$@"
}

# tell NAME HEADING SENTENCE
tell() {
    grep -q "^- \`$1\`: " CHANGELOG.md || sed -i "s|^### $2\$|&\n\n- \`$1\`: $3|" CHANGELOG.md
}
