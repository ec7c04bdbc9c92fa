# epidemic: the SIR model as a table.
#
# In: --r0 X, --infectious-days X, --vaccinated PERCENT, --population N, --days N, each optional.
# Out: CSV with a header: people susceptible, infectious, recovered (or immune), on each day.
# A day is taken in steps of one hundredth, with the midpoint rule; the sum stays the population.

function usage(fault) {
    print "epidemic: " fault > "/dev/stderr"
    exit 2
}

BEGIN {
    given["--r0"] = 2.5
    given["--infectious-days"] = 7
    given["--vaccinated"] = 0
    given["--population"] = 10000
    given["--days"] = 120
    for (i = 1; i < ARGC; i += 2) {
        if (!(ARGV[i] in given)) usage("unknown argument " ARGV[i])
        if (ARGV[i + 1] !~ /^[+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$/) usage(ARGV[i] " needs a number that is not negative")
        given[ARGV[i]] = ARGV[i + 1] + 0
    }
    people = given["--population"]
    infectious = 1
    recovered = (people - infectious) * given["--vaccinated"] / 100
    susceptible = people - infectious - recovered
    if (people < 1 || given["--infectious-days"] == 0 || susceptible < 0) usage("these numbers make no population")

    recovery = 1 / given["--infectious-days"]
    contagion = given["--r0"] * recovery / people
    steps = 100

    print "day,susceptible,infectious,recovered"
    for (day = 0; day <= given["--days"]; day++) {
        printf "%d,%.1f,%.1f,%.1f\n", day, susceptible, infectious, people - susceptible - infectious
        for (i = 0; i < steps; i++) {
            s = susceptible - contagion * susceptible * infectious / (2 * steps)
            f = infectious + (contagion * susceptible - recovery) * infectious / (2 * steps)
            susceptible -= contagion * s * f / steps
            infectious += (contagion * s - recovery) * f / steps
        }
    }
}
