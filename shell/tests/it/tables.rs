//! Tables as rows: sorted, grouped, searched, changed; each rule beside what it is the same as.

use crate::support::{Outcome, evaluate};

const TABLE: &str = "t:([]s:`b`a`b`a;n:2 1 1 1;x:1.5 2 0N 4);";

#[track_caller]
fn gives(source: &str, expected: &str) {
    match evaluate(&format!("{TABLE}{source}")) {
        Outcome::Value(text) => assert_eq!(text, expected, "{source}"),
        Outcome::Error(error) => panic!("{error}: {source}"),
    }
}

#[track_caller]
fn fails(source: &str, expected: &str) {
    match evaluate(&format!("{TABLE}{source}")) {
        Outcome::Value(text) => panic!("{text}: {source}"),
        Outcome::Error(error) => assert_eq!(error.message(), expected, "{source}"),
    }
}

#[test]
fn rows_are_sorted_by_the_first_column_and_then_the_next() {
    gives("<t", "1 3 2 0");
    gives(">t", "0 2 3 1");
    gives("<`n`s#t", "1 3 2 0");
    gives("(t@<t)[`x]", "2 4 0N 1.5");
    gives("<0#t", "()");
    gives("<+()!()", "()");
    // Equal rows keep their order, in both directions.
    gives("<`s#t", "1 3 0 2");
    gives(">`s#t", "0 2 1 3");
}

#[test]
fn rows_are_grouped_and_found() {
    gives(".=`s`n#t", "(,0\n 1 3\n ,2)");
    gives("!=`s`n#t", "([s:`b;n:2];[s:`a;n:1];[s:`b;n:1])");
    gives("(`s`n#t)@*'.=`s`n#t", "([s;n]`b`a`b;2 1 1)");
    gives("#'.=0#t", "()");
    gives("t?[s:`a;n:1;x:4]", "3");
    gives("t?[s:`a;n:1;x:5]", "0N");
    gives("t?t", "0 1 2 3");
    gives("t?t 3 0", "3 0");
    gives("t?(t 3;`a;t 0)", "3 0N 0");
    gives("[s:`a;n:1;x:4]in t", "1");
    gives("t in 2#t", "1 1 0 0");
    gives("(?t,t)~t", "1");
    fails("t?3", "type: ? of a table of 4 rows and a number");
}

#[test]
fn columns_and_items_are_assigned() {
    gives("t[`n]:9;t`n", "9 9 9 9");
    gives("t[`n]+:t`n;t`n", "4 2 2 2");
    gives("t[1;`n]:7;t`n", "2 7 1 1");
    gives("t[1;`n]+:7;t`n", "2 8 1 1");
    gives("t[0 1;`n]:0;t`n", "0 0 1 1");
    gives("t[`y]:t[`n]*2;t`y", "4 2 2 2");
    gives("t[0]:t 1;t`s", "`a`a`b`a");
    gives("u:t;u[`n]:0;t`n", "2 1 1 1");
    gives("@[t;`n;+;1]`n", "3 2 2 2");
    gives("@[t;`n;-:]`n", "-2 -1 -1 -1");
    gives(".[t;(1;`n);:;5]`n", "2 5 1 1");
}

#[test]
fn rows_and_tables_are_joined() {
    gives("#t,t", "8");
    gives("(t,[s:`z;n:0;x:0])4", "[s:`z;n:0;x:0]");
    gives(
        "t,[x:1;s:`z;n:0]",
        "([s;n;x]`b`a`b`a`z;2 1 1 1 0;1.5 2 0N 4 1)",
    );
    gives(
        "(+t),[z:!4]",
        "[s:`b`a`b`a;n:2 1 1 1;x:1.5 2 0N 4;z:0 1 2 3]",
    );
    gives("{x`n}'t", "2 1 1 1");
    gives("(#:)'t", "3 3 3 3");
    gives("+/t`n", "5");
    gives("*|t", "[s:`a;n:1;x:4]");
    gives("{x[`n]>1}#t", "([s;n;x],`b;,2;,1.5)");
    gives("{x[`n]>1}_t", "([s;n;x]`a`b`a;1 1 1;2 0N 4)");
    gives("t,:[s:`q;n:0;x:0];#t", "5");
    gives("-1_t", "([s;n;x]`b`a`b;2 1 1;1.5 2 0N)");
}

#[test]
fn a_table_is_indexed_by_any_shape_of_rows_and_names() {
    gives(
        "t@=t`s",
        "[b:([s;n;x]`b`b;2 1;1.5 0N);a:([s;n;x]`a`a;1 1;2 4)]",
    );
    gives("{+/x`n}'t@=t`s", "[b:3;a:2]");
    gives("#'t@(0 1;,2;())", "2 1 0");
    gives("(t@())~t@!0", "1");
    gives("(t@(`n;`s`x))~(t`n;t`s`x)", "1");
    gives("t@[k:`n;l:0]", "[k:2 1 1 1;l:[s:`b;n:2;x:1.5]]");
    gives("(t@(1;`n))~(t 1;t`n)", "1");
}

#[test]
fn nothing_but_a_dictionary_is_indexed_by_a_function() {
    fails(
        "f:{x+y};1 2 3 f 2",
        "type: index of a list of 3 numbers by a function; two arguments are given as f[x;y]",
    );
    fails(
        "t{x}",
        "type: index of a table by a function; two arguments are given as f[x;y]",
    );
    fails(
        "\"ab\"(0;+)",
        "type: index of a string of 2 chars by a function; two arguments are given as f[x;y]",
    );
    gives("d:(+;-)!1 2;d(-)", "2");
}
