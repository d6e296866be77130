"""Albums that lie anywhere, on as many machines as there are.

Bytes of photos and small rows travel; what is done to a photo is `cloak.pipeline`, on every machine::

    places    folders by URL: list, read, write so that there is a whole file or none
    planning  paths and URLs -> tasks, in parts of bounded size
    records   what is done, as small files in the output, where SQLite cannot be; a sink
    clerk     one process: outcomes, the manifest of a folder on this machine, whether to stop
    pages     whose the report is
    standing  how an output at a URL stands, for `cloak album status`
    worker    one part after the other through `cloak.pipeline.protect`
    inline    a worker in this process
    engine    many workers, by Ray Data
    cluster   Ray itself; nothing else imports it
"""
