"""An examination of the graders: answers as models and printers write them, right or wrong by construction, for every kind of question.

`formulas` and `quantities` write one value in many styles, `wording` puts it into an answer or denies it, `asked` chooses which;
`questions` and `perception` have one function for each kind of question, which draws a gold and a wrong value beside it. Nothing here
asks a grader.
"""
