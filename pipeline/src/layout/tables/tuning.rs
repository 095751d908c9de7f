//! Tuning: every threshold of tables, by the module that uses it. Units and origins are told as in
//! [`layout::tuning`](crate::layout::tuning).

/// Cells and header rows of all tables. Chosen on the sample documents.
pub(crate) mod cells {
    use crate::layout::tuning::CountShare;

    /// Gap between two cells of a row.
    pub(crate) const CELL_GAP_EM: f32 = 0.9;
    /// The same for boxes of a model, whose margin makes gaps narrower.
    pub(crate) const CELL_GAP_OCR_EM: f32 = 0.5;
    /// Gap between a currency sign and its amount in one cell.
    pub(crate) const CURRENCY_GAP_EM: f32 = 5.0;
    /// Distance of a cell from its column.
    pub(crate) const COLUMN_SLACK_EM: f32 = 0.4;
    /// Least white between two columns.
    pub(crate) const COLUMN_APART_EM: f32 = 0.5;
    /// Longest usual text of a cell, in characters: longer is running text.
    pub(crate) const MAX_CELL_CHARACTERS: usize = 40;
    /// Longest cell of a header row, in characters.
    pub(crate) const HEADER_MAX_CHARACTERS: usize = 60;
    /// Share of numbers below a header row that has an empty cell.
    pub(crate) const NUMBERS_UNDER_HEADER: CountShare = CountShare::of(1, 4);
}

/// Lattice tables. Chosen on the sample documents.
pub(crate) mod lattice {
    use crate::layout::tuning::CountShare;

    /// Most ruled lines of either direction that are looked at.
    pub(crate) const MAX_RULINGS: usize = 400;
    /// Most columns of a grid.
    pub(crate) const MAX_COLUMNS: usize = 40;
    /// Most rows of a grid.
    pub(crate) const MAX_ROWS: usize = 200;
    /// Distance of ruled lines that meet.
    pub(crate) const SLACK_EM: f32 = 0.45;
    /// The same, at least.
    pub(crate) const MIN_SLACK_PX: f32 = 4.0;
    /// Scatter of the ends that bound an open side, in slacks.
    pub(crate) const OPEN_SIDE_SLACK: f32 = 2.0;
    /// Share of the lines across that end at an open side.
    pub(crate) const OPEN_SIDE_ENDS: CountShare = CountShare::of(2, 3);
    /// Length of lines across beyond the outermost vertical line of an open side, in slacks.
    pub(crate) const OPEN_SIDE_BEYOND: f32 = 4.0;
    /// The share of a cell's side that a ruled line must cover to bound it.
    pub(crate) const COVERED: f32 = 0.6;
    /// Fewest rows of text in one cell that show that it is several columns...
    pub(crate) const CUT_ROWS: usize = 2;
    /// ...and the share of them that wide white cuts.
    pub(crate) const MOSTLY_CUT: CountShare = CountShare::of(7, 10);
    /// Width of text over its cell's right edge.
    pub(crate) const CELL_OVERHANG_EM: f32 = 2.5;
    /// Fewest cells with text.
    pub(crate) const MIN_FILLED_CELLS: usize = 4;
    /// Share of cells with text.
    pub(crate) const FILLED_CELLS: CountShare = CountShare::of(1, 4);
    /// Lines of text in one cell above which that cell may be the page's body in a frame.
    pub(crate) const FULL_CELL_LINES: usize = 8;
    /// Share of all lines above which it is.
    pub(crate) const FULLEST_CELL: CountShare = CountShare::of(1, 2);
}

/// Rulings and the letters that look like some. Chosen on papers whose page images are coarse.
pub(crate) mod ruled_text {
    /// Share of a line's height, at its top and at its bottom, in which a ruling may lie: it underlines or touches.
    pub(crate) const EDGE: f32 = 0.12;
    /// Share of a ruling's length in lines of text from which it is their letters.
    pub(crate) const LETTERS: f32 = 0.8;
    /// Distance of a ruling from the space between words that it parts, in widths of a letter.
    pub(crate) const PARTED_SPACE: f32 = 2.5;
    /// Widths of capitals and broad letters, and of narrow letters and spaces, in widths of other letters: by those of
    /// Helvetica and Times.
    pub(crate) const BROAD: f32 = 1.35;
    pub(crate) const NARROW: f32 = 0.55;
}

/// Booktabs tables. Chosen on the sample documents.
pub(crate) mod booktabs {
    use crate::layout::tuning::CountShare;

    /// Most rules that are looked at.
    pub(crate) const MAX_RULES: usize = 200;
    /// Least length of a rule.
    pub(crate) const MIN_RULE_EM: f32 = 8.0;
    /// Distance of the ends of rules of one length.
    pub(crate) const SAME_END_EM: f32 = 1.2;
    /// Height above and below the rules in which further rows are looked for: the next line of text.
    pub(crate) const OUTSIDE_EM: f32 = 1.8;
    /// Longest row without cells, in characters: longer is running text.
    pub(crate) const MAX_SINGLE_CHARACTERS: usize = 60;
    /// Share of rows without cells above which the lines are no table.
    pub(crate) const SINGLE_ROWS: CountShare = CountShare::of(1, 2);
    /// Rows between two rules that may all be without cells, as a title is.
    pub(crate) const FEW_ROWS: usize = 2;
    /// Share of rows with two cells or more.
    pub(crate) const FULL_ROWS: CountShare = CountShare::of(1, 2);
}

/// Stream tables. Chosen on the sample documents.
pub(crate) mod stream {
    use crate::layout::tuning::CountShare;

    /// Most columns of a table.
    pub(crate) const MAX_COLUMNS: usize = 24;
    /// White between two rows of one table.
    pub(crate) const MAX_SPACE_EM: f32 = 2.2;
    /// White between a header row and the table.
    pub(crate) const HEADER_SPACE_EM: f32 = 1.5;
    /// The part of a stretch without a table after which another is looked for: one in so many of its rows.
    pub(crate) const RETRY_ONE_IN: usize = 8;
    /// Distance of a cell's center from its column: rounding, no more.
    pub(crate) const EDGE_SLACK_PX: f32 = 0.1;
    /// Share of rows with two cells in one column above which the columns are wrong.
    pub(crate) const CROWDED_ROWS: CountShare = CountShare::of(1, 6);
    /// Share of rows with dot leaders above which it is a table of contents.
    pub(crate) const LEADERS: CountShare = CountShare::of(1, 3);
    /// Share of rows that begin with a list marker above which it is a list.
    pub(crate) const LIST_MARKERS: CountShare = CountShare::of(1, 2);
    /// Share of rows that end with a number in brackets above which they are equations.
    pub(crate) const EQUATION_NUMBERS: CountShare = CountShare::of(1, 2);
    /// Bytes of an equation's number at most.
    pub(crate) const EQUATION_NUMBER_BYTES: usize = 6;
    /// Share of rows with two cells or more.
    pub(crate) const FULL_ROWS: CountShare = CountShare::of(7, 10);
    /// Fewest such rows of a table with two columns: labels and values are aligned too, and no table.
    pub(crate) const MIN_ROWS_TWO_COLUMNS: usize = 4;
    /// Share of filled cells in a table with two columns.
    pub(crate) const FILLED_TWO_COLUMNS: f32 = 0.9;
    /// White between its columns.
    pub(crate) const WHITE_TWO_COLUMNS_EM: f32 = 1.5;
    /// Share of amounts in its second column.
    pub(crate) const AMOUNTS_TWO_COLUMNS: f32 = 0.75;
    /// Fewest rows of a table with more columns.
    pub(crate) const MIN_ROWS: usize = 3;
    /// Rows below which more cells must be filled.
    pub(crate) const FEW_ROWS: usize = 5;
    /// Share of filled cells in a table with few rows.
    pub(crate) const FILLED_FEW_ROWS: f32 = 0.75;
    /// Share of filled cells in other tables.
    pub(crate) const FILLED: f32 = 0.6;
}

/// Wrapped tables. Chosen on tables, prose, addresses, lists and contents typeset for it.
pub(crate) mod wrapped {
    use crate::layout::tuning::CountShare;

    /// Most columns of a table.
    pub(crate) const MAX_COLUMNS: usize = 24;
    /// White between two rows of one table.
    pub(crate) const MAX_SPACE_EM: f32 = 3.0;
    /// White between two lines of one cell.
    pub(crate) const LINE_SPACE_EM: f32 = 0.8;
    /// White between a line of a wrapped name of a column and those below it.
    pub(crate) const HEAD_SPACE_EM: f32 = 0.6;
    /// Space between two words of a justified line.
    pub(crate) const JUSTIFIED_SPACE_EM: f32 = 4.0;
    /// Share of rows with several cells in one column above which the columns are wrong.
    pub(crate) const CROWDED_ROWS: CountShare = CountShare::of(1, 3);
    /// Rows with white in the same place from which it parts columns.
    pub(crate) const PARTED_ROWS: usize = 3;
    /// Most rows above that are searched for it; bounds the time of hostile pages.
    pub(crate) const STUDIED_ROWS: usize = 64;
    /// The part of a stretch without a table after which another is looked for: one in so many of its rows.
    pub(crate) const RETRY_ONE_IN: usize = 8;
    /// Fewest rows with two cells or more.
    pub(crate) const MIN_ROWS: usize = 3;
    /// Share of such rows.
    pub(crate) const FULL_ROWS: CountShare = CountShare::of(3, 4);
    /// Share of filled cells in them.
    pub(crate) const FILLED: CountShare = CountShare::of(6, 10);
    /// Most lines of a cell: longer ones are columns of text.
    pub(crate) const MAX_CELL_LINES: usize = 12;
    /// Usual length of the cells of the shortest column, in characters.
    pub(crate) const SHORT_CELL_CHARACTERS: f32 = 60.0;
    /// Share of the breaks in cells at which the next word does not fit.
    pub(crate) const FORCED_BREAKS: CountShare = CountShare::of(9, 10);
    /// Share of a column's breaks between rows at which its text clearly goes on, above which it is no column of cells.
    pub(crate) const RUNNING_ON: CountShare = CountShare::of(1, 4);
    /// Share of the rows with wrapped cells whose cells have different numbers of lines: those of names with addresses
    /// have the same.
    pub(crate) const UNEVEN_ROWS: CountShare = CountShare::of(1, 3);
    /// Fewest letters of a line of words.
    pub(crate) const WORD_LETTERS: usize = 3;
    /// Difference of the middles of cells of one row.
    pub(crate) const MIDDLE_EM: f32 = 0.4;
    /// Share of the cells that begin with their row or have its middle.
    pub(crate) const LEVEL_CELLS: CountShare = CountShare::of(9, 10);
    /// Share of the cells of a column with list markers above which they are a list.
    pub(crate) const MARKED_CELLS: CountShare = CountShare::of(1, 3);
}

/// Rows that stand in columns with the rows next to them. Chosen on the sample documents.
pub(crate) mod alignment {
    /// Rows next to a row that are looked at.
    pub(crate) const NEXT_ROWS: usize = 6;
    /// Fewest letters of a cell that names a column of each of several tables.
    pub(crate) const MIN_LETTERS: usize = 2;
    /// Fewest rows that make columns.
    pub(crate) const MIN_ROWS: usize = 2;
}

/// Lines of text that begin a row or go on in the cells above: weights of signs against one another. Chosen on half of
/// the papers of READoc and on tables typeset for it.
pub(crate) mod row_starts {
    /// Weight of a word that is parted by a hyphen.
    pub(crate) const HYPHEN: u32 = 3;
    /// Weight of a break after a comma, or before a word in lower case that did not fit above.
    pub(crate) const UNFINISHED: u32 = 2;
    /// Weight of figures below figures.
    pub(crate) const AMOUNTS: u32 = 2;
    /// Weight of a break before a word that would have fitted above.
    pub(crate) const ENDED: u32 = 1;
    /// Weight of a cell with none right above it.
    pub(crate) const WHITE_ABOVE: u32 = 1;
    /// Weight of white between lines that is wider than in cells, or as in cells.
    pub(crate) const WIDE_WHITE: u32 = 4;
    /// Height that lines of a page's own text side by side share at least.
    pub(crate) const BESIDE_EM: f32 = 0.3;
    /// Distance between the middles of two lines, over the lower one's height, below which they stand side by side.
    pub(crate) const BESIDE: f32 = 0.65;
    /// Fewest places with such white that tell rows apart.
    pub(crate) const WIDE_WHITES: usize = 2;
    /// White that is wider than between the lines of one cell, over that.
    pub(crate) const WIDE_WHITE_EM: f32 = 0.25;
}

/// Rows without ruled lines between them. Chosen on the papers of READoc.
pub(crate) mod unruled_rows {
    use crate::layout::tuning::CountShare;

    /// Share of the texts of a column of figures that are some.
    pub(crate) const AMOUNTS: CountShare = CountShare::of(7, 10);
    /// Fewest rows of words alone.
    pub(crate) const ENTRY_ROWS: usize = 3;
    /// Longest entry of such rows, in characters.
    pub(crate) const ENTRY_CHARACTERS: usize = 24;
    /// Fewest columns that a row of wrapped text begins in.
    pub(crate) const WRAPPED_COLUMNS: usize = 3;
    /// Fewest rows that one text beside them is the label of.
    pub(crate) const LABEL_ROWS: usize = 3;
}
