"""What the samples say. Our own text; the place, its people and its records are made up."""

REPORT_INTRODUCTION = [
    (
        "text",
        "The Records Office was established in 1951 to look after the papers of the town and of the nine parishes around "
        "it. In the year under report it took in more material than in any year since the waterworks deposited their "
        "plans, and for the first time more than two thousand readers signed the register.",
    ),
    ("heading", "Staff and Committee"),
    (
        "text",
        "The committee met four times. Mrs. Aldous remained in the chair, and Mr. Finch was elected in place of "
        "Dr. Moreton, who had served for eleven years and whose knowledge of the manor records was without equal. The "
        "archivist was assisted by two conservators and by a number of volunteers, most of whom gave one day a week.",
    ),
    (
        "text",
        "A grant of £3,250 from the county allowed a second microfilm reader to be bought. It was in use every working "
        "day from 14 April, and the older machine has been moved to the searchroom annexe, where it serves the school "
        "parties that come on Wednesdays.",
    ),
    (
        "text",
        "The catalogue on cards was begun thirty years ago by the first archivist and has been kept in the same "
        "handwriting, or in good imitations of it, ever since. It now fills eighty-four drawers. Before the end of the year "
        "a start was made on typing it out, and the first volume, which covers the letters A to C, was printed in October. "
        "Copies were sent to the county library and to every school in the district that asked for one.",
    ),
    (
        "text",
        "It is a sad duty to record the death of Miss Harriet Coldwell, who gave her family's papers to the town in 1954 "
        "and came every Thursday afterwards to put them in order. She had reached the year 1911.",
    ),
]
REPORT_COLLECTIONS = [
    ("heading", "The Collections"),
    (
        "text",
        "Forty-six accessions were recorded, as against thirty-eight in the year before. The largest was the "
        "correspondence of the Wending Navigation Company, which fills one hundred and twelve boxes and had lain in the "
        "loft of a corn mill for three generations. The mice had been at some of it, but the condition of the remaining "
        "volumes is better than anyone had a right to expect.",
    ),
    ("text", "Other accessions of more than ordinary interest were:"),
    (
        "bullets",
        [
            "the minute books of the Friendly Society of Ropemakers, 1794 to 1871, in six volumes;",
            "a survey of the common fields drawn in 1738 by Josiah Pask, with a separate register of the landowners and "
            "their strips;",
            "some nine hundred photographs on glass from the studio of Edith Marlow, with her own list of the sitters;",
            "the log of the lock-keeper at Sallow Reach.",
        ],
    ),
    (
        "text",
        "The cataloguing of the parish chests went forward steadily. All the registers of baptisms, marriages and burials "
        "before 1812 have now been catalogued, and transcripts of the oldest volume, which begins in 1561, can be had in "
        "the reading room. Researchers are asked to use these transcripts wherever they can, since the original is too "
        "weak to be handled without considerable risk.",
    ),
    ("heading", "Loans and Returns"),
    (
        "text",
        "Three items were lent to other institutions. The seal of the Ropemakers went to the exhibition of town seals at "
        "Great Ashby and came back undamaged. Two drawings of the waterworks were lent to the university for a publication "
        "on pumping engines, which is expected in the spring. The commissioners of the turnpike, whose minutes have been "
        "kept here since 1952, asked for the return of the volume for 1829, and after an exchange of letters it was agreed "
        "that they would be content with a photographic copy.",
    ),
    (
        "text",
        "No document was found to be missing at the annual inspection. One register that had been reported as lost in 1971 "
        "was discovered behind the radiator.",
    ),
]
REPORT_READERS = [
    ("heading", "Readers and Enquiries"),
    (
        "text",
        "There were 2,114 visits in the course of the year and 9,480 productions from the strongroom. Family history "
        "remains the reason that most readers give, but the number of those who come for the history of houses has "
        "doubled. Enquiries by letter came to 731; each was answered within three weeks.",
    ),
    ("text", "The rules of the reading room were revised in June. In brief they are now as follows:"),
    (
        "numbers",
        [
            "Readers sign the register each day and leave bags and coats in the lockers.",
            "Only pencil may be used, and no document may be leant upon or traced.",
            "Not more than three documents are brought to one reader at a time, and the last production of the day is at "
            "a quarter past four.",
            "Photographs may be taken without flash, once the archivist has seen the condition of the document.",
        ],
    ),
    (
        "text",
        "Two parties from the grammar school spent a week with the tithe maps and made measurements of the old "
        "boundaries with chains, as the surveyors themselves had done. Their account was published in the parish magazine.",
    ),
    (
        "text",
        "Letters came from fourteen countries. A correspondent in New Zealand, whose great-grandfather had been a "
        "wheelwright at Sallow Reach, sent a photograph of the wheelbarrow that he had taken with him. Another asked whether "
        "the office could confirm that her ancestor had been hanged; it could not, but it was able to establish that he had "
        "been fined for keeping an unlicensed alehouse.",
    ),
]
REPORT_BUILDING = [
    ("heading", "Building and Conservation"),
    (
        "text",
        "The roof over the east range was repaired in August. While the work went on, the temperature in the strongroom "
        "rose to 23 degrees on two days, and the most delicate manuscripts were moved to the vault of the savings bank, "
        "which offered the accommodation free of charge.",
    ),
    (
        "text",
        "In the workshop 214 maps were flattened and cleaned, 31 volumes were rebound and the great charter of 1327 was "
        "given a new mount. It was the centre of the autumn exhibition, Seven Centuries of Paper and Parchment, which "
        "1,906 visitors saw.",
    ),
    (
        "text",
        "The most troublesome undertaking was the repair of the estate map of 1702, which measures eleven feet by nine and "
        "had been varnished, folded and at some time used as a screen. It was floated off its canvas in four pieces, and "
        "the removal of the varnish alone occupied seventeen weeks. The colours beneath are as fresh as on the day when "
        "they were laid on, and the names of eighty-one fields that nobody had been able to read are now perfectly "
        "legible. A facsimile at half the scale of the original hangs on the staircase.",
    ),
    ("heading", "The Year to Come"),
    (
        "text",
        "The committee hopes to begin on the permanent preservation of the newspaper files, which are turning brown and "
        "break at the folds. Some 140,000 pages will have to be filmed. At the present rate of work this would take nine "
        "years, and help from every friend of the office will be welcome.",
    ),
    (
        "text",
        "An agreement with the neighbouring district is also in preparation. It would bring the records of the Ashby "
        "hundred under the same roof, and with them a third conservator. The negotiations have been friendly, and the only "
        "difficulty so far has been to find a roof that is large enough.",
    ),
    ("text", "The committee thanks the staff, who have done the work, and the readers, for whom it is done."),
]

BRIDGE_LEFT = [
    (
        "text",
        "Anyone who leans over the upstream parapet of Wending Bridge can see five lines cut into the second pier, each "
        "with a year beside it. They are the flood marks, and for a long time they were the only measurements of the "
        "river that the town possessed.",
    ),
    (
        "text",
        "The lowest was cut in 1742 and the highest in 1809. Local historians have taken them on trust. When the pier was "
        "cleaned last summer, however, the masons noticed that the mark of 1768 stands on a stone of another colour, and "
        "that its characters differ from the rest. The Records Office was asked what its papers had to say.",
    ),
    ("heading", "What the Accounts Tell"),
    (
        "text",
        "The bridge wardens kept their accounts from Michaelmas to Michaelmas. Under the year 1771 they paid a mason for "
        "four days, for taking out one great stone and setting it again a course higher. Nothing is said of the mark, but "
        "there is only one stone of that size on the pier.",
    ),
    (
        "text",
        "If the stone was raised by a course, the mark went up with it, and the flood of 1768 was lower by some "
        "fourteen inches than has always been believed.",
    ),
    (
        "text",
        "It remains to be explained why the stone was moved at all. The wardens do not say. But in the spring of the same "
        "year they bought eleven loads of gravel, and a barge-master was compensated for a broken rudder. It seems that the "
        "pier had been undermined by the current and that its facing had to be taken down as far as the foundations.",
    ),
    (
        "text",
        "Stones that have been lifted out of the water are heavy, and a mason who was paid by the day had little reason to "
        "remember which had been uppermost.",
    ),
]
BRIDGE_RIGHT = [
    (
        "text",
        "This agrees with the register of the corn mill. The miller, a man of few words, recorded the height of the water "
        "at his sill every Saturday for thirty-one years.¹ In the week of the flood he gave it as two feet below the mark "
        "of 1742, and he can hardly have been mistaken, for he stood in it.",
    ),
    ("heading", "A Second Witness"),
    (
        "text",
        "There is also the letter of a schoolmistress to her brother, deposited with us in 1963. She writes that the "
        "water came to the third step of the market cross. The cross has gone, but a survey of 1780 gives the height of "
        "every step, and again the sum comes out the same to within a hand's breadth.",
    ),
    (
        "text",
        "The matter is not of great importance by itself. It shows, though, how a correction may lie for two centuries in "
        "a volume of accounts, where nobody would look for a flood.",
    ),
    (
        "text",
        "The engineers of the river authority have been informed. They had used the old figure in calculating the height of "
        "the embankment that was completed in 1934, and which is therefore a little higher than was necessary. They have "
        "replied that they do not intend to lower it.",
    ),
    (
        "text",
        "A photograph of the pier, taken from a rowing-boat before it was cleaned, is on view in the entrance hall. It "
        "belongs to the collection of Edith Marlow and is one of the few that she made out of doors.",
    ),
]
BRIDGE_NOTE = (
    "¹ Records Office, MILL 4/2. The volume is not paginated; the weeks of the flood are near the end. Copies can be "
    "ordered."
)

INVOICE_TO = ["Records Office of Lower Wending", "4 Mill Lane", "Lower Wending"]
INVOICE_NUMBERS = ["Invoice no. 2041", "Date: 9 March 1987", "Your order: RO/87/16"]
INVOICE_ROWS = [
    ["Description", "Quantity", "Price", "Total"],
    ["Rebinding, quarter calf, marbled sides", "6", "48.50", "291.00"],
    ["Repair of joints and head caps", "11", "17.25", "189.75"],
    ["Archive boxes, acid-free board,\nfoolscap folio", "40", "3.10", "124.00"],
    ["Tooling of titles in gold, per line", "23", "2.40", "55.20"],
    ["Carriage", "1", "12.00", "12.00"],
    ["", "", "Subtotal", "671.95"],
    ["", "", "VAT 15%", "100.79"],
    ["", "", "Total due", "772.74"],
]
INVOICE_TERMS = (
    "Payment is due within 30 days. Please quote the invoice number. Cheques should be made payable to Harrow & Pell. "
    "The volumes will be delivered in the week of 16 March."
)

NOTICE = [
    "The reading room will be closed from Monday 11 May to Friday 22 May while the floor is renewed. Documents that are "
    "on order will be kept at the desk until 29 May.",
    "During these two weeks a small room on the ground floor is open for urgent enquiries:",
]
NOTICE_TIMES = ["Tuesday, 10 to 12.30", "Thursday, 2 to 4.45"]
NOTICE_END = "Please ring the bell twice. There is no lift, and the film readers cannot be used."

HAN_TITLE = "下文镇档案馆简介"
HAN = [
    (
        "text",
        "下文镇档案馆成立于1951年，负责保管本镇和周围九个乡的历史文件。馆内现有档案四万余卷，其中最早的一件写于1327年，是一份关于河边土地的契约。",
    ),
    ("heading", "馆藏"),
    (
        "text",
        "除政府文件以外，本馆还收藏地图、照片、书信和旧报纸。1986年，运河公司的后人把一百一十二箱信件送到馆里。这些信件在磨坊的阁楼上放了六十多年，虽然有些被老鼠咬过，但是大部分保存得很好。",
    ),
    (
        "text",
        "照片中最受欢迎的是玻璃底片，共九百张左右。摄影师在每张底片的盒子上写下了客人的姓名，所以许多家庭可以在这里找到曾祖父母的样子。",
    ),
    ("heading", "阅览须知"),
    (
        "numbers",
        ["进入阅览室前，请先登记并存放随身物品。", "只能使用铅笔做笔记，不得在文件上书写。", "每次最多借阅三件，下午四点以后不再取件。"],
    ),
    (
        "text",
        "阅览室星期一至星期五开放，时间为上午九点到下午五点。如果您住在外地，也可以写信询问，我们一般在三个星期之内答复。",
    ),
]

GUIDE = [
    [
        ("title", "Guide to the Parish Registers"),
        (
            "text",
            "This leaflet is for readers who are about to use the registers for the first time. It says which of them are "
            "in the Records Office, which have been copied, and how to find an entry when you know no more than a name "
            "and a year or two.",
        ),
        ("heading", "What the registers are"),
        (
            "text",
            "From 1538 each parish had to write down its baptisms, marriages and burials every Sunday. Few books of that "
            "time are left. What we have from the early years is mostly a fair copy made about 1600, when paper was given "
            "up for parchment, and the copyist did not always trouble himself with the pages that were hard to read.",
        ),
        ("heading", "Where they begin"),
        (
            "table",
            [
                ["Parish", "Begins", "Volumes", "Copy"],
                ["Lower Wending", "1561", "14", "film, index"],
                ["Sallow Reach", "1604", "9", "film"],
                ["Great Ashby*", "1559", "17", "none"],
                ["Pask St. John", "1653", "6", "transcript"],
            ],
        ),
        (
            "text",
            "* The volumes of Great Ashby are held by the parish itself. Write to the churchwardens at least a fortnight "
            "before you come.",
        ),
    ],
    [
        ("heading", "How to find an entry"),
        (
            "text",
            "Begin with the index of names, if there is one. Spelling was a matter of taste: look for Pask under Paske, "
            "Pasque and Parsk as well. Before 1752 the year began on 25 March, so that an entry of February 1701 stands "
            "after one of November 1701.",
        ),
        (
            "text",
            "If the parish has no index, choose ten years and read them all. It takes an afternoon, and you will meet the "
            "neighbours. Entries are often out of order at the end of a book, where a clerk filled whatever space was "
            "left.",
        ),
        ("heading", "Copies and fees"),
        (
            "text",
            "A copy from film costs 20 pence a page. Certified extracts are £2.50 each and take three days. The office "
            "cannot search on a reader's behalf, but keeps a list of people who do so for a fee.",
        ),
    ],
]
