set -eu

grep -q '^## Use$' README.md || cat >> README.md <<'TEXT'

## Use

```
$ measures 3.5 km mi
2.17 mi
$ measures 100 C F
212 F
```

Lengths: mm, cm, m, km, ft, mi. Weights: g, kg, t, oz, lb. Temperatures: C, F, K.
What cannot be converted is said, and the exit status is 2.
TEXT
echo "wrote README.md"
