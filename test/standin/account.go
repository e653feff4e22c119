package standin

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"time"
)

// account is an invented group with its plan and usage. It is the same for the same key
// and time, so that a page can be opened twice.
type account struct {
	Group        group
	Plan         tariff
	Month        string
	Renews       string
	Used         string
	UsedPercent  int
	MeterPercent int
	Bars         []bar
	Limit        int // height of the chart's line for the included pages
	Invoices     []invoice
}

type group struct{ Name, Person, Initials, Card string }

// tariff is a plan; money is in cents.
type tariff struct {
	name            string
	price, included int
	extra           int
}

// Name, Price, Included and Extra are the texts of the page.
func (t tariff) Name() string     { return t.name }
func (t tariff) Price() string    { return dollars(t.price) }
func (t tariff) Included() string { return thousands(t.included) }
func (t tariff) Extra() string    { return dollars(t.extra) }

type invoice struct {
	Date, Number, Pages, Amount string
	Due                         bool
}

// bar is a month of the chart, in the chart's units.
type bar struct {
	Label, Pages         string
	X, Y, Height, Middle int
	Now                  bool
}

const (
	chartMonths = 6
	chartHeight = 92
	barPitch    = 64
	barWidth    = 40
	dueDays     = 14
)

var (
	groups = []group{
		{"Harbour Light Co-op", "Mira Tane", "MT", "4417"},
		{"Lindqvist & Berg", "Jonas Berg", "JB", "0925"},
		{"Oakhurst Clinics", "Priya Nair", "PN", "7730"},
		{"Bluegum Timber", "Sam Okafor", "SO", "1186"},
		{"Fennel & Rye", "Ana Duarte", "AD", "5502"},
		{"Meridian Print", "Leo Fournier", "LF", "3948"},
	}
	tariffs = []tariff{
		{"Starter", 4900, 500, 12},
		{"Team", 14900, 2000, 9},
		{"Business", 42000, 8000, 6},
	}
)

func inventAccount(key string, now time.Time) account {
	now = now.UTC()
	random := randomFor(key, 0)
	a := account{Group: groups[random.IntN(len(groups))], Plan: tariffs[random.IntN(len(tariffs))]}
	thisMonth := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	nextMonth := thisMonth.AddDate(0, 1, 0)
	soFar := now.Sub(thisMonth).Seconds() / nextMonth.Sub(thisMonth).Seconds()
	used := int(float64(pagesIn(key, a.Plan, thisMonth)) * soFar)

	a.Month = now.Format("January")
	a.Renews = nextMonth.Format("2 January")
	a.Used = thousands(used)
	a.UsedPercent = 100 * used / a.Plan.included
	a.MeterPercent = min(100, a.UsedPercent)
	a.Limit = chartHeight - heightOf(a.Plan.included, a.Plan)
	a.Bars = inventBars(key, a.Plan, thisMonth, used)
	for i := 1; i < chartMonths; i++ {
		a.Invoices = append(a.Invoices, inventInvoice(key, a.Plan, thisMonth.AddDate(0, -i, 0), now))
	}
	return a
}

func inventBars(key string, plan tariff, thisMonth time.Time, used int) []bar {
	bars := make([]bar, chartMonths)
	for i := range bars {
		month := thisMonth.AddDate(0, i-chartMonths+1, 0)
		now := i == chartMonths-1
		pages := used
		if !now {
			pages = pagesIn(key, plan, month)
		}
		height := max(4, heightOf(pages, plan))
		x := i * barPitch
		bars[i] = bar{
			Label: month.Format("Jan"), Pages: thousands(pages), Now: now,
			X: x, Y: chartHeight - height, Height: height, Middle: x + barWidth/2,
		}
	}
	return bars
}

// heightOf leaves room for more than the included pages.
func heightOf(pages int, plan tariff) int { return pages * chartHeight * 3 / 4 / plan.included }

// inventInvoice returns the invoice for a past month. It is sent on the day after.
func inventInvoice(key string, plan tariff, month, now time.Time) invoice {
	sent := month.AddDate(0, 1, 0)
	pages := pagesIn(key, plan, month)
	return invoice{
		Date:   sent.Format("2 Jan 2006"),
		Number: fmt.Sprintf("INV-%s-%03d", sent.Format("200601"), randomFor(key, 0).IntN(1000)),
		Pages:  thousands(pages),
		Amount: dollars(plan.price + plan.extra*max(0, pages-plan.included)),
		Due:    now.Sub(sent) < dueDays*24*time.Hour,
	}
}

// pagesIn returns how many pages a group used in a whole month.
func pagesIn(key string, plan tariff, month time.Time) int {
	return int(float64(plan.included) * (0.62 + 0.55*randomFor(key, uint64(month.Unix())).Float64()))
}

// randomFor returns the same random numbers for the same key and purpose.
func randomFor(key string, purpose uint64) *rand.Rand {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(key))
	return rand.New(rand.NewPCG(hash.Sum64(), purpose))
}

func dollars(cents int) string { return fmt.Sprintf("$%s.%02d", thousands(cents/100), cents%100) }

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
