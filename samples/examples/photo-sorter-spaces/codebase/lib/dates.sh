# Functions that find dates in file names.

# month_of NAME: prints YYYY-MM of the first date in a name, or nothing.
month_of() {
  echo $1 | sed -n 's/^\([^0-9]*\|.*[^0-9]\)\([12][0-9]\{3\}\)\(0[1-9]\|1[0-2]\)\(0[1-9]\|[12][0-9]\|3[01]\)\([^0-9].*\)*$/\2-\3/p'
}
