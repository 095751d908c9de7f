//! The connected parts of a mask.

/// The parts of a mask of rows `width` long, from top to bottom by their first pixel; pixels that touch
/// by a corner are connected. Each part is given by the first and last pixel (x, y) of its runs: what
/// its convex hull needs.
pub(super) fn parts(mask: &[bool], width: usize) -> Vec<Vec<(i32, i32)>> {
    let runs = runs(mask, width);
    let mut roots: Vec<usize> = (0..runs.len()).collect();
    // Runs of the row above which may touch this one start here: both rows go from left to right.
    let mut above = 0;
    for (i, run) in runs.iter().enumerate() {
        while runs[above].y + 1 < run.y
            || (runs[above].y < run.y && runs[above].last + 1 < run.first)
        {
            above += 1;
        }
        let touching = runs[above..i]
            .iter()
            .take_while(|other| other.y < run.y && other.first <= run.last + 1);
        for (offset, _) in touching.enumerate() {
            let (a, b) = (root(&mut roots, above + offset), root(&mut roots, i));
            roots[a.max(b)] = a.min(b);
        }
    }
    let mut places = vec![None; runs.len()];
    let mut parts: Vec<Vec<(i32, i32)>> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        let place = *places[root(&mut roots, i)].get_or_insert_with(|| {
            parts.push(Vec::new());
            parts.len() - 1
        });
        let y = run.y as i32;
        parts[place].extend([(run.first as i32, y), (run.last as i32, y)]);
    }
    parts
}

/// Pixels of a row that are next to each other.
struct PixelRun {
    y: usize,
    first: usize,
    last: usize,
}

/// All runs, row by row from left to right.
fn runs(mask: &[bool], width: usize) -> Vec<PixelRun> {
    let mut runs = Vec::new();
    for (y, row) in mask.chunks(width.max(1)).enumerate() {
        let mut x = 0;
        while let Some(skip) = row[x..].iter().position(|set| *set) {
            let first = x + skip;
            let length = row[first..].iter().position(|set| !*set);
            x = length.map_or(row.len(), |length| first + length);
            runs.push(PixelRun {
                y,
                first,
                last: x - 1,
            });
        }
    }
    runs
}

/// The first run of the part that `run` belongs to, as far as known; shortens the way there.
fn root(roots: &mut [usize], run: usize) -> usize {
    let mut run = run;
    while roots[run] != run {
        roots[run] = roots[roots[run]];
        run = roots[run];
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: &[&str]) -> Vec<Vec<(i32, i32)>> {
        let mask: Vec<bool> = rows.concat().chars().map(|c| c == '#').collect();
        parts(&mask, rows[0].len())
    }

    #[test]
    fn parts_that_touch_by_a_corner_are_one() {
        assert_eq!(found(&["#..", ".#.", "..#"]).len(), 1);
        assert_eq!(found(&["..#", ".#.", "#.."]).len(), 1);
        assert_eq!(found(&["#.#", "...", "#.#"]).len(), 4);
    }

    #[test]
    fn arms_that_meet_further_down_are_one_part() {
        let cup = found(&["#...#...#", "#...#...#", "#########"]);
        assert_eq!(cup.len(), 1);
        assert!(cup[0].contains(&(0, 2)) && cup[0].contains(&(8, 2)));
        assert_eq!(
            found(&["#####", "#...#", "#.#.#", "#...#", "#####"]).len(),
            2
        );
    }

    #[test]
    fn a_row_does_not_go_on_in_the_next() {
        assert_eq!(found(&["..#", "...", "#.."]).len(), 2);
        assert_eq!(found(&["...##", "##..."]).len(), 2);
        assert!(found(&["..."]).is_empty());
    }
}
