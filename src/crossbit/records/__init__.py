"""Records: the pictures, texts, labels and metadata in people's own files, read by one set of rules.

::

    record     ReadOptions, Entry, Record, Records, ReadingReport: what is read, and what was made of it
    kinds      the endings of pictures, lists and everything else, and the folders that systems keep for themselves
    rows       the rows of a .csv, .tsv or .jsonl file      parquet   those of a .parquet file, and the pictures inside
    columns    which column is the image, the texts, the labels, the id; every other one is metadata
    values     the values of cells: texts stay texts
    lists      a list becomes entries
    walk       the files of a folder      names  a file by the name that a list gives it
    grouping   the rows of one item       listed  the rows of a list and the pictures that they name
    sidecars   x.txt or x.json beside x.jpg      shards  the same inside .tar files
    read       a source becomes records          stream  so do lines of JSON as they come
"""
