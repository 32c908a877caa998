package planparse

import (
	"slices"
	"strings"
)

// words is the lexicon the lexer looks words up in: the vocabularies of this
// file and of lexicon_languages.go, with phrases filed under their first word.
// Nothing changes it after the package is loaded.
var words = newLexicon(merge(english, russian, spanish, german, otherLanguages))

// lexicon is a hash table of words. The lexer computes the hash of a word while
// it reads its letters, and so looking it up costs next to nothing.
type lexicon struct {
	slots   [4096]uint16 // places in entries, 0 for none
	entries []entry
}

// entry is a word together with the phrases that begin with it, longest first.
type entry struct {
	lexeme
	word    string
	phrases []phrase
}

type phrase struct {
	first byte // of rest
	rest  []string
	lexeme
}

func newLexicon(entries map[string]entry) *lexicon {
	l := &lexicon{entries: make([]entry, 1, len(entries)+1)}
	for word, e := range entries {
		e.word = word
		i := hashOf(word).slot()
		for l.slots[i] != 0 {
			i = (i + 1) % len(l.slots)
		}
		l.slots[i] = uint16(len(l.entries))
		l.entries = append(l.entries, e)
	}
	return l
}

// find looks a word up by its letters, in lower case, and their hash.
func (l *lexicon) find(word []byte, h hash) *entry {
	for i := h.slot(); l.slots[i] != 0; i = (i + 1) % len(l.slots) {
		if e := &l.entries[l.slots[i]]; e.word == string(word) {
			return e
		}
	}
	return nil
}

// hash is that of the letters so far: FNV-1a.
type hash uint32

const noLetters hash = 2166136261

func (h hash) and(c byte) hash { return (h ^ hash(c)) * 16777619 }

// slot is where a table of words begins to look.
func (h hash) slot() int { return int(h>>16^h) % len(lexicon{}.slots) }

func hashOf[T string | []byte](word T) hash {
	h := noLetters
	for i := range len(word) {
		h = h.and(word[i])
	}
	return h
}

// vocabulary maps the words and phrases of a language, in lower case, to what
// they mean. Several spellings of one lexeme stand on one line, separated by
// commas; a phrase's words are separated by spaces, and hyphens do as well.
type vocabulary map[string]lexeme

// merge makes one of several vocabularies. The first one to define a word wins,
// so English is never disturbed by another language.
func merge(languages ...vocabulary) map[string]entry {
	lex := make(map[string]entry, 1200)
	for _, language := range languages {
		for spellings, meaning := range language {
			for text := range strings.SplitSeq(spellings, ",") {
				text = strings.TrimSpace(text)
				if strings.Contains(text, " ") {
					continue
				}
				if known, ok := lex[text]; !ok || known.kind == kWord {
					lex[text] = entry{lexeme: meaning, phrases: known.phrases}
				}
			}
		}
		// A phrase whose first word means nothing by itself files it as such.
		for spellings, meaning := range language {
			for text := range strings.SplitSeq(spellings, ",") {
				first, rest, ok := strings.Cut(strings.TrimSpace(text), " ")
				if !ok {
					continue
				}
				e, known := lex[first]
				if !known {
					e.lexeme = lexeme{kind: kWord}
				}
				e.phrases = append(e.phrases, phrase{rest[0], strings.Fields(rest), meaning})
				lex[first] = e
			}
		}
	}
	for _, e := range lex {
		slices.SortStableFunc(e.phrases, func(a, b phrase) int { return len(b.rest) - len(a.rest) })
	}
	return lex
}

// Times of day, in minutes: when work of that part of the day begins.
const (
	morning   = 9 * 60
	noon      = 12 * 60
	afternoon = 14 * 60
	evening   = 18 * 60
	closing   = 17 * 60
)

// American zones whose offset depends on the date; see zoneOffset.
const (
	zoneEastern int32 = 10000 + iota
	zoneCentral
	zoneMountain
	zonePacific
)

var english = vocabulary{
	// Numbers.
	"zero":              {kind: kNum, num: 0},
	"one":               {kind: kNum, num: 1},
	"two":               {kind: kNum, num: 2},
	"three":             {kind: kNum, num: 3},
	"four":              {kind: kNum, num: 4},
	"five":              {kind: kNum, num: 5},
	"six":               {kind: kNum, num: 6},
	"seven":             {kind: kNum, num: 7},
	"eight":             {kind: kNum, num: 8},
	"nine":              {kind: kNum, num: 9},
	"ten":               {kind: kNum, num: 10},
	"eleven":            {kind: kNum, num: 11},
	"twelve,dozen":      {kind: kNum, num: 12},
	"thirteen":          {kind: kNum, num: 13},
	"fourteen":          {kind: kNum, num: 14},
	"fifteen":           {kind: kNum, num: 15},
	"sixteen":           {kind: kNum, num: 16},
	"seventeen":         {kind: kNum, num: 17},
	"eighteen":          {kind: kNum, num: 18},
	"nineteen":          {kind: kNum, num: 19},
	"twenty":            {kind: kNum, num: 20},
	"thirty":            {kind: kNum, num: 30},
	"forty,fourty":      {kind: kNum, num: 40},
	"fifty":             {kind: kNum, num: 50},
	"sixty":             {kind: kNum, num: 60},
	"seventy":           {kind: kNum, num: 70},
	"eighty":            {kind: kNum, num: 80},
	"ninety":            {kind: kNum, num: 90},
	"hundred":           {kind: kHundred},
	"first":             {kind: kOrd, num: 1},
	"second":            {kind: kOrd, num: 2},
	"third":             {kind: kOrd, num: 3},
	"fourth":            {kind: kOrd, num: 4},
	"fifth":             {kind: kOrd, num: 5},
	"sixth":             {kind: kOrd, num: 6},
	"seventh":           {kind: kOrd, num: 7},
	"eighth":            {kind: kOrd, num: 8},
	"ninth":             {kind: kOrd, num: 9},
	"tenth":             {kind: kOrd, num: 10},
	"eleventh":          {kind: kOrd, num: 11},
	"twelfth":           {kind: kOrd, num: 12},
	"thirteenth":        {kind: kOrd, num: 13},
	"fourteenth":        {kind: kOrd, num: 14},
	"fifteenth":         {kind: kOrd, num: 15},
	"sixteenth":         {kind: kOrd, num: 16},
	"seventeenth":       {kind: kOrd, num: 17},
	"eighteenth":        {kind: kOrd, num: 18},
	"nineteenth":        {kind: kOrd, num: 19},
	"twentieth":         {kind: kOrd, num: 20},
	"thirtieth":         {kind: kOrd, num: 30},
	"fortieth":          {kind: kOrd, num: 40},
	"fiftieth":          {kind: kOrd, num: 50},
	"sixtieth":          {kind: kOrd, num: 60},
	"ninetieth":         {kind: kOrd, num: 90},
	"half":              {kind: kHalf},
	"few,handful":       {kind: kFew, num: 3},
	"several,some few":  {kind: kFew, num: 3},
	"couple,couple of":  {kind: kFew, num: 2},
	"pair of":           {kind: kFew, num: 2},
	"few more":          {kind: kFew, num: 3, val: 1},
	"couple more":       {kind: kFew, num: 2, val: 1},
	"couple of more":    {kind: kFew, num: 2, val: 1},
	"handful of":        {kind: kFew, num: 3},
	"good few":          {kind: kFew, num: 3},
	"a,an":              {kind: kA},
	"single,full,whole": {kind: kThe},

	// Units.
	"seconds,sec,secs,s":                              {kind: kUnit, val: uSecond},
	"minute,minutes,min,mins,minuts,mintues":          {kind: kUnit, val: uMinute},
	"hour,hours,hr,hrs,h,hous,huors,hors,houres":      {kind: kUnit, val: uHour},
	"day,days,d,dy,dys,dyas,dasy,dya,dayss,dayz,dayy": {kind: kUnit, val: uDay},
	"week,weeks,wk,wks,w,weeek,weeeks,wek,weks":       {kind: kUnit, val: uWeek},
	"w/c,w/b":              {kind: kUnit, val: uWeek, num: 1}, // week commencing
	"fortnight,fortnights": {kind: kUnit, val: uFortnight},
	"month,months,mo,mos,mth,mths,mnth,monts":      {kind: kUnit, val: uMonth},
	"year,years,yr,yrs,y":                          {kind: kUnit, val: uYear},
	"decade,decades,century,centuries":             {kind: kUnit, val: uDecade},
	"workday,workdays,bd,bds,bizday,bizdays":       {kind: kUnit, val: uBusinessDay},
	"weekdays,wd,wds,businessday":                  {kind: kUnit, val: uBusinessDay},
	"weekday":                                      {kind: kUnit, val: uBusinessDay, num: notOne},
	"businessdays,workingday,workingdays":          {kind: kUnit, val: uBusinessDay},
	"calendar day,calendar days":                   {kind: kUnit, val: uDay},
	"business,working,work,biz,bus,workweek":       {kind: kBusiness},
	"businss,buisness,bussiness,bizness,wrkng,wkg": {kind: kBusiness},

	// Days and their parts.
	"sunday,sun":                                    {kind: kWeekday, val: 0},
	"monday,mon":                                    {kind: kWeekday, val: 1},
	"tuesday,tue,tues":                              {kind: kWeekday, val: 2},
	"wednesday,wed,weds":                            {kind: kWeekday, val: 3},
	"thursday,thu,thur,thurs":                       {kind: kWeekday, val: 4},
	"friday,fri":                                    {kind: kWeekday, val: 5},
	"saturday,sat":                                  {kind: kWeekday, val: 6},
	"weekend,week end,wknd":                         {kind: kWeekend},
	"today,todays":                                  {kind: kDayName, val: 0},
	"this day,the same day":                         {kind: kDayName, val: 0},
	"same day,sameday,same-day":                     {kind: kSame, val: uDay},
	"same time,same moment,same date,this time":     {kind: kSame, val: uHour},
	"same calendar day":                             {kind: kSame, val: uDay},
	"tomorrow,tmrw,tmr,tmw,tmrow":                   {kind: kDayName, val: 1},
	"tom,2morrow,2moro,tomo,tomoz":                  {kind: kDayName, val: 1},
	"day after tomorrow":                            {kind: kDayName, val: 2},
	"overmorrow":                                    {kind: kDayName, val: 2},
	"tonight,tonite,this evening":                   {kind: kTonight, val: evening},
	"this night,later tonight":                      {kind: kTonight, val: evening},
	"this morning":                                  {kind: kTonight, val: morning},
	"this afternoon":                                {kind: kTonight, val: afternoon},
	"morning":                                       {kind: kPart, val: morning},
	"mid morning,late morning":                      {kind: kPart, val: 10*60 + 30},
	"midmorning":                                    {kind: kPart, val: 10*60 + 30},
	"early morning,first thing":                     {kind: kPart, val: morning},
	"start of business":                             {kind: kPart, val: morning},
	"sob":                                           {kind: kPart, val: morning},
	"noon,midday,lunchtime":                         {kind: kPart, val: noon},
	"lunch,lunch time,noontime":                     {kind: kPart, val: noon},
	"mid day":                                       {kind: kPart, val: noon, num: endsInDay},
	"afternoon,early afternoon":                     {kind: kPart, val: afternoon},
	"mid afternoon,midafternoon":                    {kind: kPart, val: 15 * 60},
	"late afternoon":                                {kind: kPart, val: 16 * 60},
	"evening,night,nighttime":                       {kind: kPart, val: evening},
	"early evening,late evening":                    {kind: kPart, val: evening},
	"eod,cob,eob,endofday":                          {kind: kClose, val: closing},
	"end of day,end of the day":                     {kind: kClose, val: closing},
	"end of business":                               {kind: kClose, val: closing},
	"end of business day":                           {kind: kClose, val: closing},
	"end of the business day":                       {kind: kClose, val: closing},
	"end of work day":                               {kind: kClose, val: closing},
	"end of workday":                                {kind: kClose, val: closing},
	"end of the workday":                            {kind: kClose, val: closing},
	"end of the working day":                        {kind: kClose, val: closing},
	"close of business":                             {kind: kClose, val: closing},
	"close of play":                                 {kind: kClose, val: closing},
	"close of day":                                  {kind: kClose, val: closing},
	"day end,days end":                              {kind: kClose, val: closing},
	"before the day is out":                         {kind: kClose, val: closing},
	"end of business week,end of work week":         {kind: kPeriodEnd, val: uWeek},
	"end of the business week,end of the work week": {kind: kPeriodEnd, val: uWeek},
	"eow,week s end":                                {kind: kPeriodEnd, val: uWeek},
	"eom,month s end":                               {kind: kPeriodEnd, val: uMonth},
	"month end":                                     {kind: kPeriodEnd, val: uMonth},
	"eoy,year s end":                                {kind: kPeriodEnd, val: uYear},
	"year end":                                      {kind: kPeriodEnd, val: uYear},
	"january,jan":                                   {kind: kMonth, val: 1},
	"february,feb,febr":                             {kind: kMonth, val: 2},
	"march,mar":                                     {kind: kMonth, val: 3},
	"april,apr":                                     {kind: kMonth, val: 4},
	"may":                                           {kind: kMonth, val: 5},
	"june,jun":                                      {kind: kMonth, val: 6},
	"july,jul":                                      {kind: kMonth, val: 7},
	"august,aug":                                    {kind: kMonth, val: 8},
	"september,sep,sept":                            {kind: kMonth, val: 9},
	"october,oct":                                   {kind: kMonth, val: 10},
	"november,nov":                                  {kind: kMonth, val: 11},
	"december,dec":                                  {kind: kMonth, val: 12},

	// Now, in the only ways of saying it that count.
	"now,immediately,immediate,asap,instantly": {kind: kNow},
	"immediatly,imediately,immediatley":        {kind: kNow},
	"immediatelly,immedietly,immedately":       {kind: kNow},
	"imediatly,immidiately,straightaway":       {kind: kNow},
	"forthwith,rightaway":                      {kind: kNow},
	"right now,right away,straight away":       {kind: kNow},
	"as soon as possible,soon as possible":     {kind: kNow},
	"as soon as you can,as soon as practical":  {kind: kNow},
	"as soon as we can,as soon as feasible":    {kind: kNow},
	"as quickly as possible":                   {kind: kNow},
	"as fast as possible":                      {kind: kNow},
	"as early as possible":                     {kind: kNow},
	"at once":                                  {kind: kNow},
	"without delay,no delay,zero delay":        {kind: kNow},
	"without any delay,with no delay":          {kind: kNow},
	"without further delay":                    {kind: kNow},
	"this instant,this moment,this minute":     {kind: kNow},
	"this very moment,effective immediately":   {kind: kNow},
	"off the bat":                              {kind: kNow},
	"right off the bat":                        {kind: kNow},
	"with immediate effect,beginning now":      {kind: kNow},
	"beginning immediately,beginning at once":  {kind: kNow},

	// Parts of periods.
	"early,beginning,beggining,begining": {kind: kEdge, val: edgeStart},
	"start,outset,kickoff,inception":     {kind: kStart, val: 1},
	"kick off":                           {kind: kStart, val: 1},
	"initiation,enrollment,enrolment":    {kind: kStart},
	"creation,baseline,base,launch":      {kind: kStart},
	"base date,start date,plan creation": {kind: kStart},
	"mid,middle,midway through":          {kind: kEdge, val: edgeMiddle},
	"halfway,halfway through":            {kind: kEdge, val: edgeMiddle},
	"midweek,mid week":                   {kind: kEdge, val: edgeMiddle, num: 1},
	"late,latter":                        {kind: kEdge, val: edgeLate},
	"latter half,second half":            {kind: kEdge, val: edgeLate},
	"latter part,later part,back half":   {kind: kEdge, val: edgeLate},
	"first half,early part,first part":   {kind: kEdge, val: edgeStart},
	"end,ending,close":                   {kind: kEdge, val: edgeEnd},
	"this,current":                       {kind: kThis},
	"next,nxt,nex,nextt":                 {kind: kNext},
	"coming,upcoming,forthcoming":        {kind: kNext, val: 1},
	"this coming,this upcoming":          {kind: kNext, val: 1},
	"following":                          {kind: kFollowing},
	"last":                               {kind: kLast},
	"previous,prev,prior,preceding":      {kind: kPrevious},
	"earlier,above,latest,most recent":   {kind: kPrevious, val: 1},
	"past":                               {kind: kLast, val: 1},
	"week after next":                    {kind: kAfterNext, val: uWeek},
	"month after next":                   {kind: kAfterNext, val: uMonth},
	"after next":                         {kind: kAfterNext, val: uDay},
	"nextweek":                           {kind: kAfterNext, val: uDecade},

	// What ties the rest together.
	"after,post,aft,afer,right after,directly after,shortly after,soon after,straight after": {kind: kAfter},
	"from,frm,starting from":                       {kind: kFrom},
	"since":                                        {kind: kAfter, val: 1},
	"of":                                           {kind: kOf},
	"with,as,alongside":                            {kind: kWith},
	"along with,together with":                     {kind: kWith, val: 1},
	"parallel to,parallel with":                    {kind: kWith, val: 1},
	"in parallel with,in parallel to":              {kind: kWith, val: 1},
	"simultaneously with,concurrent with":          {kind: kWith, val: 1},
	"concurrently with,at the same time as":        {kind: kWith, val: 1},
	"same time as,same day as,same date as":        {kind: kWith, val: 1},
	"same as":                                      {kind: kWith, val: 1},
	"on the same day as,the same day as":           {kind: kWith, val: 1},
	"in tandem with":                               {kind: kWith, val: 1},
	"upon completion of,on completion of":          {kind: kAfter},
	"after completion of,after completing":         {kind: kAfter},
	"after finishing,after sending":                {kind: kAfter, val: 2},
	"beyond":                                       {kind: kAfter},
	"following completion of":                      {kind: kAfter},
	"in,inside,into about":                         {kind: kLead, val: leadIn},
	"within,withing,wthin,witin,inside of":         {kind: kLead, val: leadWindow},
	"w/in,w/i":                                     {kind: kLead, val: leadWindow},
	"over,through the,throughout the":              {kind: kLead, val: leadWindow},
	"during":                                       {kind: kLead, val: leadDuring},
	"in under,in less than,under":                  {kind: kLead, val: leadWindow},
	"in the span of,over the course of":            {kind: kLead, val: leadWindow},
	"at,@":                                         {kind: kLead, val: leadAt},
	"on,by,around,about,approximately":             {kind: kLead},
	"toward,towards":                               {kind: kLead},
	"approx,roughly,circa,ca,c,abt,nearly":         {kind: kLead, val: leadApprox},
	"aprox,approximatly,aproximately":              {kind: kLead, val: leadApprox},
	"almost,some,close to,just over":               {kind: kLead, val: leadApprox},
	"just under,a little over":                     {kind: kLead, val: leadApprox},
	"a bit over,a little under":                    {kind: kLead, val: leadApprox},
	"wait,waiting,pause,hold,delay,delayed":        {kind: kLead, val: leadWait},
	"wait for,waiting for":                         {kind: kLead, val: leadWait},
	"pause for,hold for,delay for,delay of":        {kind: kLead},
	"delayed by,delay by,hold off,lag,gap":         {kind: kLead, val: leadWait},
	"wait about,wait at least,give it":             {kind: kLead},
	"give them,give him,give her,leave it":         {kind: kLead},
	"allow,let,hold off for,wait until":            {kind: kLead},
	"a delay of,a gap of,gap of,lag of":            {kind: kLead},
	"offset,offset of,offset by,an offset of":      {kind: kLead},
	"sometime,some time,anytime,any time":          {kind: kLead, val: leadApprox},
	"at some point,somewhere,someday":              {kind: kLead, val: leadApprox},
	"only,just,exactly,precisely":                  {kind: kLead},
	"then,and then":                                {kind: kLead},
	"probably,likely,maybe":                        {kind: kLead},
	"perhaps,roughly around,estimated":             {kind: kLead, val: leadApprox},
	"beginning on,as early as,as of":               {kind: kLead},
	"as soon as":                                   {kind: kEvent, val: 1},
	"starting in,starting at":                      {kind: kLead},
	"commencing on":                                {kind: kLead},
	"starting,starting on,commencing,effective":    {kind: kLead, val: leadStart},
	"please,pls,target,ideally":                    {kind: kLead, val: leadStart},
	"preferably":                                   {kind: kLead, val: leadStart},
	"no later than,not later than,nlt":             {kind: kLead, val: leadWindow},
	"no more than,not more than":                   {kind: kLead, val: leadWindow},
	"no longer than,not longer than":               {kind: kLead, val: leadWindow},
	"less than,fewer than,up to,upto":              {kind: kLead, val: leadWindow},
	"at most,at the most,a maximum of":             {kind: kLead, val: leadWindow},
	"max,maximum,maximum of,max of":                {kind: kLead, val: leadWindow},
	"not before,no earlier than,no sooner than":    {kind: kLead},
	"not earlier than,not sooner than":             {kind: kLead},
	"no less than,not less than,no fewer":          {kind: kLead},
	"at least,at minimum,minimum":                  {kind: kLead, val: leadWait},
	"minimum of,a minimum of,min of":               {kind: kLead},
	"more than,over about,longer than":             {kind: kLead},
	"at the latest by,latest by,by latest":         {kind: kLead},
	"the,that same,its":                            {kind: kThe},
	"and":                                          {kind: kAnd},
	"plus":                                         {kind: kAnd, val: andPlus},
	"or":                                           {kind: kOr},
	"to,upto a":                                    {kind: kTo},
	"through,thru,until,til,till":                  {kind: kTo, val: toBound},
	"not until,not till":                           {kind: kLead},
	"as per,per the":                               {kind: kWord},
	"between,anywhere between,from between":        {kind: kBetween},
	"anywhere from":                                {kind: kBetween},
	"ago,back":                                     {kind: kAgo},
	"before,prior to,ahead of,preceding the":       {kind: kBefore},
	"pre,in advance of,leading up to":              {kind: kBefore},
	"before the,in advance,beforehand":             {kind: kBefore},
	"yesterday,yday,previously,already":            {kind: kPast},
	"minus,negative,overdue":                       {kind: kPast},
	"the day before":                               {kind: kBefore, val: 1},
	"day before yesterday,formerly,the past":       {kind: kPast},
	"later,afterwards,afterward,thereafter":        {kind: kLater},
	"after that,after this,after it":               {kind: kLater},
	"following that,following this":                {kind: kLater},
	"subsequently,latter on,later on":              {kind: kLater},
	"from then,from that point,since then":         {kind: kLater},
	"from there,after which,post that":             {kind: kLater},
	"that,it,which":                                {kind: kThat},
	"another,additional,more,extra,further":        {kind: kMore},
	"from now,from today,from the present":         {kind: kTail},
	"from now on,from this point,hence,out":        {kind: kTail},
	"time,tops,mark,sharp,prompt,long,away":        {kind: kTail},
	"at the same time,at this time":                {kind: kTail},
	"from the date,from date,from this date":       {kind: kTail},
	"or so,or less,or more,or later":               {kind: kTail},
	"or sooner,or earlier,or thereabouts":          {kind: kTail},
	"or longer,or fewer,or under,ish":              {kind: kTail},
	"give or take,more or less":                    {kind: kTail},
	"at the latest,total,in total,at the earliest": {kind: kTail},
	"or greater,or greater than,onward":            {kind: kTail},
	"onwards,and beyond,and up,and counting":       {kind: kTail},
	"time frame,timeframe,window,interval":         {kind: kTail},
	"period,turnaround,in duration,duration":       {kind: kTail},
	"down the line,down the road,of waiting":       {kind: kTail},
	"passed,elapsed,have passed,have elapsed":      {kind: kTail, val: tailOver},
	"has passed,has elapsed,are over,go by":        {kind: kTail, val: tailOver},
	"into":                                         {kind: kInto},
	"plan,sequence,campaign,cadence":               {kind: kPlan},
	"outreach,program,programme,workflow":          {kind: kPlan},
	"process,journey,timeline":                     {kind: kPlan},
	"engagement":                                   {kind: kPlan, val: 1}, // also what the lead does

	// Gates.
	"daily,weekly,monthly,yearly,annually":             {kind: kRecurring},
	"annual,hourly,nightly,biweekly,bimonthly":         {kind: kRecurring},
	"bi weekly,bi monthly,fortnightly":                 {kind: kRecurring},
	"semi weekly,semiweekly,semi monthly":              {kind: kRecurring},
	"every,each,per,recurring,repeat,repeating":        {kind: kRecurring},
	"repeated,repeatedly,regularly,regular":            {kind: kRecurring},
	"periodically,periodic,weekends,evenings":          {kind: kRecurring},
	"alternate,alternating":                            {kind: kRecurring},
	"mondays,tuesdays,wednesdays,thursdays":            {kind: kRecurring},
	"fridays,saturdays,sundays,mornings":               {kind: kRecurring},
	"afternoons,nights,everyday,quarterly":             {kind: kRecurring},
	"once a,twice a,times a,x a,once per":              {kind: kRecurring},
	"times per,x per,twice per,once weekly":            {kind: kRecurring},
	"times weekly,thrice,a day every":                  {kind: kRecurring},
	"quarter,quarters,qtr,eoq,fiscal,fy":               {kind: kQuarter},
	"q,semester,trimester":                             {kind: kQuarter},
	"if,when,once,upon,until they,unless":              {kind: kEvent},
	"while,whenever,pending,assuming":                  {kind: kEvent},
	"provided,depending,contingent,subject to":         {kind: kEvent},
	"as they,triggered,immediately upon":               {kind: kEvent},
	"given,should,in case,in the event,where":          {kind: kEvent},
	"the moment,the minute,the instant":                {kind: kEvent},
	"next time,the next time,now that,depends on":      {kind: kEvent},
	"acceptance,approval":                              {kind: kEvent},
	"without,with no,w/o":                              {kind: kNegative, val: 1},
	"no,not,never,none of,dont,doesnt,havent":          {kind: kNegative},
	"silence,unanswered,unresponsive":                  {kind: kNegative},
	"hasnt,isnt,didnt,cannot,cant,wont":                {kind: kNegative},
	"non response,nonresponse,no response":             {kind: kNegative, val: 1},
	"no reply,no answer,radio silence":                 {kind: kNegative, val: 1},
	"tbd,tba,tbc,todo,xx,xxx,yyyy,dd,mm,nn,n":          {kind: kPlaceholder},
	"to be determined,to be decided":                   {kind: kPlaceholder},
	"to be confirmed,to be announced":                  {kind: kPlaceholder},
	"to be scheduled,to be set":                        {kind: kPlaceholder},
	"insert,placeholder,lorem,foo,foobar":              {kind: kPlaceholder},
	"x,nth,yy,z days":                                  {kind: kX},
	"a while,in a while,after a while,some time later": {kind: kNothing},
	"after some time,after sometime":                   {kind: kNothing},
	"null,none,nil,unknown,undefined,nan,na":           {kind: kNothing},

	// Nouns and verbs of plans.
	"step,action,task,touch,touchpoint,stage":                                        {kind: kStep},
	"touches,activity,item,phase,steps,tp":                                           {kind: kStep},
	"touch point,touchpt,actions,step id":                                            {kind: kStep},
	"email,message,msg,dm,contact,interaction":                                       {kind: kMessage},
	"mail,inmail,followup,follow up,outreaches":                                      {kind: kMessage},
	"request,note,comment,attempt,communication":                                     {kind: kMessage},
	"connection,connect,connection request":                                          {kind: kMessage},
	"exchange,engagement step,conversation":                                          {kind: kMessage},
	"reminder,nudge,bump,check in,checkin,ping":                                      {kind: kMessage},
	"call,voicemail,invite,invitation,reach":                                         {kind: kMessage},
	"dms,emails,messages,correspondence":                                             {kind: kMessage},
	"linkedin,linkedin message,linkedin dm":                                          {kind: kMessage},
	"linkedin request,linkedin connection":                                           {kind: kMessage},
	"completed,complete,done,finished,sent":                                          {kind: kDone},
	"is,was,has,been,are,gets,completion,has been":                                   {kind: kDone},
	"do,send,begin,execute,go,reach out":                                             {kind: kDo},
	"perform,start right,do this,do it":                                              {kind: kDo},
	"check back,circle back,touch base,try again":                                    {kind: kDo},
	"revisit,reconnect,re engage,reengage,resend,retry":                              {kind: kDo},
	"launch right,follow,like,share,post this":                                       {kind: kDo},
	"schedule for,scheduled for,schedule,set for":                                    {kind: kLabel},
	"timing,due,scheduled,when to send,timeline is":                                  {kind: kLabel},
	"deadline,delay days,delay_days,due date,eta":                                    {kind: kLabel},
	"date,send date,send on,send time,time is,on or about,on or around,on or before": {kind: kLabel},

	// The clock.
	"am":                          {kind: kMeridiem, val: 0},
	"pm":                          {kind: kMeridiem, val: 12 * 60},
	"oclock,hours sharp,uhr":      {kind: kOclock},
	"utc,gmt,z,wet,zulu":          {kind: kZone, val: 0},
	"local,local time,their time": {kind: kZone, val: 20000},
	"your time,my time":           {kind: kZone, val: 20000},
	"their local time":            {kind: kZone, val: 20000},
	"recipient time":              {kind: kZone, val: 20000},
	"prospect time":               {kind: kZone, val: 20000},
	"et,eastern,eastern time":     {kind: kZone, val: zoneEastern},
	"ct,central,central time":     {kind: kZone, val: zoneCentral},
	"mt,mountain,mountain time":   {kind: kZone, val: zoneMountain},
	"pt,pacific,pacific time":     {kind: kZone, val: zonePacific},
	"est":                         {kind: kZone, val: -5 * 60},
	"edt":                         {kind: kZone, val: -4 * 60},
	"cst":                         {kind: kZone, val: -6 * 60},
	"cdt":                         {kind: kZone, val: -5 * 60},
	"mst":                         {kind: kZone, val: -7 * 60},
	"mdt":                         {kind: kZone, val: -6 * 60},
	"pst":                         {kind: kZone, val: -8 * 60},
	"pdt":                         {kind: kZone, val: -7 * 60},
	"cet,bst,wat":                 {kind: kZone, val: 60},
	"cest,eet,sast":               {kind: kZone, val: 2 * 60},
	"eest,msk,trt,eat":            {kind: kZone, val: 3 * 60},
	"gst":                         {kind: kZone, val: 4 * 60},
	"pkt":                         {kind: kZone, val: 5 * 60},
	"ist":                         {kind: kZone, val: 5*60 + 30},
	"ict":                         {kind: kZone, val: 7 * 60},
	"sgt,hkt,awst":                {kind: kZone, val: 8 * 60},
	"jst,kst":                     {kind: kZone, val: 9 * 60},
	"aest":                        {kind: kZone, val: 10 * 60},
	"aedt":                        {kind: kZone, val: 11 * 60},
	"t":                           {kind: kT},
}
